//! The stored credential that an address names.

use crate::app::App;
use crate::change::kept::Kept;
use crate::error::Result;
use crate::model::permission::Permission;
use crate::web::guard::Can;

/// Reads it with its live version; 404 for a foreign, deleted or unknown one alike.
pub async fn load<P: Permission>(app: &App, can: &Can<P>) -> Result<Kept> {
    Kept::load(app, can.workspace(), &can.credential()?).await
}
