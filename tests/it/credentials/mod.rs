//! The pages of credentials.

mod editing;
mod isolation;
mod seals;
mod statuses;
mod texts;
