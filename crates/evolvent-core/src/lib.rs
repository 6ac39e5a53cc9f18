//! Words and traits of Evolvent.
pub mod stream;
pub use stream::{Purpose, RunKey, Stream, StreamKey, stream, stream_key};
