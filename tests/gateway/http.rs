//! The HTTP routes over loopback, against books that a test writes.

#[path = "http/edge.rs"]
mod edge;
#[path = "http/fake_books.rs"]
mod fake_books;
#[path = "http/loopback.rs"]
mod loopback;
#[path = "http/polls.rs"]
mod polls;
#[path = "http/words.rs"]
mod words;
