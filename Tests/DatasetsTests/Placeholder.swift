// filled by the datasets tests
