//! The program itself, killed at random moments and run again.
