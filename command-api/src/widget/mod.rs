//! What the widget calls, under `/api/v1/widget`: one file, one endpoint.
//!
//! `arrival` and `posting` are the two decisions that more than one line of HTTP hangs on: which conversation a visitor gets,
//! and which turn a message belongs to.

mod arrival;
pub mod capture_lead;
pub mod clear_conversation;
pub mod close_conversation;
pub mod erase_me;
pub mod init;
mod lead_form;
pub mod list_conversations;
pub mod list_messages;
pub mod post_message;
mod posting;
pub mod rate_conversation;
pub mod rate_message;
pub mod read_conversation;
pub mod read_me;
pub mod record_event;
pub mod request_human;
pub mod resume_stream;
pub mod show_typing;
pub mod stop_message;
pub mod stream_message;
