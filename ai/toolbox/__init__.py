"""Tools that are shipped, as examples to copy: plain functions, named in an agent's file. They import nothing of ours."""
