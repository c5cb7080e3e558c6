//! What a request reads once: who stands where is asked for in the same unit of work as the session. It lives as long as
//! the request.

use crate::id::Id;
use crate::model::membership::Surroundings;
use crate::model::user::User;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use std::cell::RefCell;

struct Visit {
    slug: Option<String>,
    found: RefCell<Option<Surroundings>>,
}

tokio::task_local! {
    static VISIT: Visit;
}

/// Opens the place where the session's unit leaves what it found; outside of the session layer.
pub async fn around<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let visit = Visit { slug: slug(req.path()).map(str::to_owned), found: RefCell::new(None) };
    VISIT.scope(visit, next.call(req)).await
}

/// The workspace that the address of this request names, if it names one.
pub fn named() -> Option<String> {
    VISIT.try_with(|visit| visit.slug.clone()).ok().flatten()
}

/// Leaves what was found for whoever asks later in this request.
pub fn leave(found: Surroundings) {
    // Outside of a request there is nobody to leave it for.
    drop(VISIT.try_with(|visit| visit.found.replace(Some(found))));
}

/// What was left for this workspace and this person.
pub fn take(slug: &str, user: &Id<User>) -> Option<Surroundings> {
    let found = VISIT.try_with(|visit| visit.found.take()).ok().flatten()?;
    (found.standing.workspace.slug == slug && found.standing.user.id == *user).then_some(found)
}

fn slug(path: &str) -> Option<&str> {
    path.strip_prefix("/w/")?.split('/').next().filter(|slug| !slug.is_empty())
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn only_pages_of_a_workspace_name_one() {
        assert_eq!(slug("/w/acme"), Some("acme"));
        assert_eq!(slug("/w/acme/credentials/new"), Some("acme"));
        for path in ["/", "/w/", "/w", "/account", "/static/w/acme"] {
            assert_eq!(slug(path), None, "{path}");
        }
    }
}
