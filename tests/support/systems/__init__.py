"""Systems outside, each with what it takes to count words through it while everything dies."""
