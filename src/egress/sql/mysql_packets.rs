//! Packets of MySQL's protocol on a stream: counted, bounded, and read without their texts.

use super::{BUDGET, refused};
use crate::egress::fault::{Fault, SqlCode};
use crate::egress::line::{Budgeted, Stream, fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

/// First byte of a packet that says: done.
pub(super) const OK: u8 = 0x00;
/// First byte of a packet that goes on with a sign-in.
pub(super) const MORE: u8 = 0x01;
/// First byte of a packet that asks for another way to sign in, or ends a list.
pub(super) const SWITCH_OR_END: u8 = 0xfe;
/// First byte of a refusal.
pub(super) const ERROR: u8 = 0xff;

/// Packets in both directions, numbered from zero in each command.
pub(super) struct Packets<S> {
    stream: Budgeted<S>,
    number: u8,
}

impl<S: Stream> Packets<S> {
    /// Starts with the packet of this number.
    pub fn from_number(stream: S, number: u8) -> Self {
        Self { stream: Budgeted::new(stream, BUDGET), number }
    }

    /// Gives the stream back for encryption: no byte beyond the packets was read.
    pub fn into_stream(self) -> S {
        self.stream.into_inner()
    }

    /// Starts a command.
    pub async fn command(&mut self, content: &[u8]) -> Result<(), Fault> {
        self.number = 0;
        self.send(content).await
    }

    /// Sends one packet.
    pub async fn send(&mut self, content: &[u8]) -> Result<(), Fault> {
        let length = u32::try_from(content.len()).ok().filter(|length| *length < 0xff_ffff).ok_or(Fault::Protocol)?;
        let mut packet = Zeroizing::new(Vec::with_capacity(content.len() + 4));
        packet.extend_from_slice(&length.to_le_bytes()[..3]);
        packet.push(self.number);
        packet.extend_from_slice(content);
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&packet).await.map_err(|error| fault(&error))?;
        self.stream.flush().await.map_err(|error| fault(&error))
    }

    /// Reads one packet, refusals too.
    pub async fn read(&mut self) -> Result<Vec<u8>, Fault> {
        let [low, middle, high, number] = {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head).await.map_err(|error| fault(&error))?;
            head
        };
        let length = u32::from_le_bytes([low, middle, high, 0]);
        let length = usize::try_from(length).ok().filter(|length| (1..=BUDGET).contains(length));
        let (Some(length), true) = (length, number == self.number) else { return Err(Fault::Protocol) };
        self.number = number.wrapping_add(1);
        let mut content = vec![0; length];
        self.stream.read_exact(&mut content).await.map_err(|error| fault(&error))?;
        Ok(content)
    }

    /// Reads one packet; a refusal is a fault.
    pub async fn next(&mut self) -> Result<Vec<u8>, Fault> {
        let content = self.read().await?;
        if content.first() == Some(&ERROR) { Err(refusal(&content)) } else { Ok(content) }
    }
}

/// Number and SQLSTATE of a refusal: the state stands behind a `#`, and only after the greeting.
pub(super) fn refusal(content: &[u8]) -> Fault {
    match *content {
        [ERROR, low, high, b'#', a, b, c, d, e, ..] => {
            refused(Some(u16::from_le_bytes([low, high])), SqlCode::read_state(&[a, b, c, d, e]))
        }
        [ERROR, low, high, ..] => refused(Some(u16::from_le_bytes([low, high])), None),
        _ => Fault::Protocol,
    }
}
