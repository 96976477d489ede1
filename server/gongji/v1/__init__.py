"""Generated from protos/gongji/v1 by protos/generate.py; never edited by hand."""
