//! The pages of credentials.

#![cfg(test)]

mod editing;
mod isolation;
mod seals;
mod statuses;
mod test_mail;
mod texts;
