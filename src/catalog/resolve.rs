//! From a file as written to an integration: top-level tables are inherited by every method.

use crate::catalog::address::UrlTemplate;
use crate::catalog::fault::{Fault, Judged, Within, ensure};
use crate::catalog::file::{File, MethodTable};
use crate::catalog::schema::{Check, Edit, Egress, Field, Format, Inject, Integration, Method};

/// Shown where a consent method gives no reason of its own.
const CONSENT_REASON: &str =
    "The sign-in belongs to one account and one set of permissions. Connect again, or use Replace.";

/// The parts of a file that methods inherit: fields are added, tables replaced.
struct Inherited {
    egress: Option<Egress>,
    fields: Vec<Field>,
    inject: Option<Inject>,
    check: Option<Check>,
}

/// Resolves a file; fails where a method ends up without what it needs.
pub(crate) fn integration(file: File, own: bool) -> Judged<Integration> {
    ensure(file.schema == 1, format!("this version reads schema 1, not {}", file.schema)).within("schema")?;
    let inherited = Inherited { egress: file.egress, fields: file.fields, inject: file.inject, check: file.check };
    let resolved = file.methods.into_iter().map(|table| {
        let id = table.id.clone();
        method(table, &inherited).within(format!("method \"{id}\""))
    });
    let methods = resolved.collect::<Judged<Vec<_>>>()?;
    ensure(!methods.is_empty(), "there is no [[method]]")?;
    Ok(Integration {
        id: file.id,
        name: file.name,
        category: file.category,
        icon: file.icon,
        tile: file.tile,
        docs: file.docs,
        dashboard: file.dashboard,
        manage: file.manage,
        status_page: file.status_page,
        notice: file.notice,
        search: file.search,
        checked_on: file.checked_on,
        banner: file.banner,
        guide: file.guide,
        secrets: file.secrets,
        methods,
        own,
    })
}

fn method(table: MethodTable, inherited: &Inherited) -> Judged<Method> {
    let mut fields = inherited.fields.clone();
    fields.extend(table.fields);
    let own_egress = table.egress.is_some();
    let mut egress = table
        .egress
        .or_else(|| inherited.egress.clone())
        .ok_or_else(|| Fault::new("there is no [egress]: say which hosts it may call"))?;
    let known = egress.host_field.as_ref().is_none_or(|name| fields.iter().any(|f| f.name == *name));
    if !known && !own_egress && !egress.hosts.is_empty() {
        egress.host_field = None;
    }
    let check = table.check.or_else(|| inherited.check.clone());
    let mut method = Method {
        check: check
            .ok_or_else(|| Fault::new("there is no [check]: if there is no harmless one, kind = \"format\""))?,
        inject: table.inject.or_else(|| inherited.inject.clone()).unwrap_or_default(),
        id: table.id,
        label: table.label,
        kind: table.kind,
        token: table.token,
        edit: table.edit,
        edit_reason: table.edit_reason,
        banner: table.banner,
        permissions: table.permissions,
        docs: table.docs,
        notes: table.notes,
        egress,
        fields,
        oauth: table.oauth,
        jwt: table.jwt,
        steps: table.steps,
        logout: table.logout,
        retry: table.retry,
        rotation: table.rotation,
    };
    if method.edit != Edit::Full && method.edit_reason.is_none() && method.needs_consent() {
        method.edit_reason = Some(CONSENT_REASON.to_owned());
    }
    mark_paths(&mut method);
    Ok(method)
}

/// Tells each address which of its slots hold a whole path.
fn mark_paths(method: &mut Method) {
    let paths: Vec<String> =
        method.fields.iter().filter(|f| f.format == Some(Format::Path)).map(|f| f.name.clone()).collect();
    let is_path = |name: &str| paths.iter().any(|p| p == name);
    let steps = method.steps.iter_mut().map(|s| &mut s.request.url);
    let logout = method.logout.iter_mut().map(|l| &mut l.request.url);
    let check = method.check.request.iter_mut().map(|r| &mut r.url);
    let addresses = steps.chain(logout).chain(check).chain(method.inject.base_url.iter_mut());
    addresses.for_each(|url: &mut UrlTemplate| url.mark_paths(&is_path));
}
