//! The pages of credentials.

#![cfg(test)]

mod deleted;
mod editing;
mod indirect;
mod isolation;
mod seals;
mod statuses;
mod test_mail;
mod texts;
