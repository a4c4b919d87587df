"""The service: answers, citation lookup and documents over HTTP and on the command line."""
