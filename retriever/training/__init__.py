"""How the shipped model was made: vocabulary → pairs → training. Needs the `training` extra."""
