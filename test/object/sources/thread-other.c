__thread long other = 11;
