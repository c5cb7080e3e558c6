//! Access control lists of files, as far as they explain permission bits that would look too open.
//!
//! systemd hands a credential over as a file of root with an entry for the service's user; the bits of such a
//! file are `r--r-----`, of which the second triple is the mask of the list and not the group's right (acl(5)).

use std::fs::File;

const NAME: &str = "system.posix_acl_access";
const VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const MASK: u16 = 0x10;

/// Whether a file has a list that gives rights to its owner and to this user, and to nobody else.
pub(super) fn is_for_us_alone(file: &File) -> bool {
    let mut list = [0; 1024];
    let read = rustix::fs::fgetxattr(file, NAME, &mut list).ok();
    let us = rustix::process::geteuid().as_raw();
    read.and_then(|length| list.get(..length)).is_some_and(|list| gives_to(list, us))
}

/// Judges a list as Linux keeps it: a version, then entries of tag, rights and id, all little-endian.
fn gives_to(list: &[u8], us: u32) -> bool {
    let Some((version, entries)) = list.split_first_chunk::<4>() else { return false };
    let (entries, rest) = entries.as_chunks::<8>();
    u32::from_le_bytes(*version) == VERSION
        && rest.is_empty()
        && !entries.is_empty()
        && entries.iter().all(|&[t0, t1, r0, r1, a, b, c, d]| {
            let (tag, rights) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([r0, r1]));
            match tag {
                USER_OBJ | MASK => true,
                USER => u32::from_le_bytes([a, b, c, d]) == us,
                _ => rights == 0,
            }
        })
}

#[cfg(test)]
pub(super) mod tests {
    use super::{MASK, NAME, USER, USER_OBJ, VERSION, gives_to, is_for_us_alone};
    use std::fs::File;

    const GROUP_OBJ: u16 = 0x04;
    const GROUP: u16 = 0x08;
    const OTHER: u16 = 0x20;

    /// A list with these entries besides those that each list has: of the group and of others.
    pub(in crate::crypto) fn list(group: u16, others: u16, more: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut list = VERSION.to_le_bytes().to_vec();
        let mut entries = vec![(USER_OBJ, 4, u32::MAX)];
        entries.extend_from_slice(more);
        entries.extend([(GROUP_OBJ, group, u32::MAX), (MASK, 4, u32::MAX), (OTHER, others, u32::MAX)]);
        entries.sort_by_key(|(tag, ..)| *tag);
        for (tag, rights, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        list
    }

    /// Gives a file a list; what the file system says to it.
    pub(in crate::crypto) fn give(file: &File, list: &[u8]) -> rustix::io::Result<()> {
        rustix::fs::fsetxattr(file, NAME, list, rustix::fs::XattrFlags::empty())
    }

    #[test]
    fn only_the_owner_and_this_user_may_have_rights() {
        let us = 1000;
        assert!(gives_to(&list(0, 0, &[(USER, 4, us)]), us));
        assert!(gives_to(&list(0, 0, &[]), us));
        assert!(!gives_to(&list(4, 0, &[(USER, 4, us)]), us), "the group");
        assert!(!gives_to(&list(0, 4, &[(USER, 4, us)]), us), "others");
        assert!(!gives_to(&list(0, 0, &[(USER, 4, us), (USER, 4, 1001)]), us), "another user");
        assert!(!gives_to(&list(0, 0, &[(USER, 4, us), (GROUP, 4, 5)]), us), "another group");
        assert!(!gives_to(&[], us) && !gives_to(&[2, 0, 0, 0], us) && !gives_to(&[2, 0, 0, 0, 1], us));
        let mut newer = list(0, 0, &[(USER, 4, us)]);
        newer[0] = 3;
        assert!(!gives_to(&newer, us));
    }

    #[test]
    fn a_file_without_a_list_is_not_explained_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plain");
        std::fs::write(&path, "x").unwrap();
        assert!(!is_for_us_alone(&File::open(path).unwrap()));
    }
}
