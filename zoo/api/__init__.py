"""What `zoo.bench`, `zoo.train` and `zoo.score` do; the commands of these names call the same."""
