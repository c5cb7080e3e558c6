//! Who uses a credential.

use super::time::When;

/// The blocks that chose a credential, and what was really done with it.
#[derive(Debug, Clone, Default)]
pub struct Used {
    /// The blocks, by bot.
    pub blocks: Vec<UseView>,
    /// Bots that used it, or tried to, and have no block for it.
    pub others: Vec<OtherUse>,
}

impl Used {
    /// Whether nothing is known to use it.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.others.is_empty()
    }

    /// How many of the blocks are of published bots.
    pub fn published(&self) -> usize {
        self.blocks.iter().filter(|block| block.published).count()
    }
}

/// A block that chose the credential.
#[derive(Debug, Clone)]
pub struct UseView {
    /// The block's id.
    pub id: String,
    /// The bot's name.
    pub bot: String,
    /// The bot's page.
    pub href: String,
    /// Whether the bot is published.
    pub published: bool,
    /// The block's label.
    pub block: String,
    /// The block's key.
    pub key: String,
    /// When the bot last got the credential.
    pub last: Option<When>,
}

/// A bot without a block for the credential.
#[derive(Debug, Clone)]
pub struct OtherUse {
    /// Its name.
    pub bot: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// When it last got the credential.
    pub last: Option<When>,
    /// When it was last refused.
    pub denied: Option<When>,
}
