//! Items of association PDUs: type, length and body, walked by their lengths.
//!
//! Input: the bytes after the fixed part of an A-ASSOCIATE PDU, or the body of an item. Output: its items in order.
//! Errors: none; bytes that fit no item end the walk and are told by [`Items::stray_bytes`].
//! Source: PS3.8 9.3.1 (type, reserved byte, two-byte big-endian length).

use crate::identity::UID_LENGTH_MAX;

/// Iterator over the items of one region.
pub(super) struct Items<'bytes> {
    rest: &'bytes [u8],
    stray: bool,
    cut: bool,
}

impl<'bytes> Items<'bytes> {
    pub(super) fn new(region: &'bytes [u8]) -> Items<'bytes> {
        Items { rest: region, stray: false, cut: false }
    }

    /// Whether the walk met bytes that are no item, or a length beyond the region.
    pub(super) fn stray_bytes(&self) -> bool {
        self.stray
    }

    /// Whether the walk met a length beyond the region.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }
}

impl<'bytes> Iterator for Items<'bytes> {
    type Item = (u8, &'bytes [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, _reserved, high, low, body @ ..] = self.rest else {
            self.stray |= !self.rest.is_empty();
            self.rest = &[];
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // A length beyond the region is cut to it: the item may still be readable, and nothing can follow.
        self.cut |= length > body.len();
        self.stray |= self.cut;
        let (item, rest) = body.split_at(length.min(body.len()));
        self.rest = rest;
        Some((*kind, item))
    }
}

/// Characters kept of a text that a peer sends: one more than the longest UID, so that a longer one stays invalid.
pub(super) const TEXT_LENGTH_MAX: usize = UID_LENGTH_MAX + 1;

/// Text of an item or element without padding, and whether it was padded. It goes into logs and answers, so that
/// control characters are replaced and its length is bounded.
pub(super) fn unpadded(bytes: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(bytes);
    let trimmed = text.trim_matches(['\0', ' ']);
    let shown = |letter: char| if letter.is_control() { '?' } else { letter };
    (trimmed.chars().take(TEXT_LENGTH_MAX).map(shown).collect(), trimmed.len() != text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_region_is_cut_to_it() {
        let mut items = Items::new(&[0x10, 0, 0, 1, 7, 0x20, 0, 0, 9, 1, 2]);
        assert_eq!(items.next(), Some((0x10, &[7u8][..])));
        assert!(!items.stray_bytes());
        assert_eq!(items.next(), Some((0x20, &[1u8, 2][..])));
        assert!(items.stray_bytes());
        assert_eq!(items.next(), None);
    }

    #[test]
    fn text_is_bounded_and_free_of_control_characters() {
        let (text, padded) = unpadded(&[b"1.2\n\0".to_vec(), vec![b'3'; 500], vec![0]].concat());
        assert!(padded && text.starts_with("1.2??3"));
        assert_eq!(text.len(), TEXT_LENGTH_MAX);
        assert!(crate::identity::Uid::parse(&unpadded(&[b'3'; 500]).0).is_err());
    }

    #[test]
    fn stray_bytes_end_the_walk() {
        let mut items = Items::new(&[0x10, 0, 0, 0, 1, 2]);
        assert_eq!(items.by_ref().count(), 1);
        assert!(items.stray_bytes());
    }
}
