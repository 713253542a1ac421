# docs/: generated references are compared with what the programs print (tests/lint).
