//! A bounded, iterative walk over an encoded data set up to Pixel Data.
//!
//! Input: bytes and how they are encoded. Output: the elements the product reads, as ranges into the bytes, and where
//! Pixel Data lies. Nothing is allocated by a length field, nesting is bounded, and every length is checked
//! against what is left.
//! Errors: [`ScanError`].
//! Source: PS3.5 7.1 to 7.5 (elements, sequences), 6.2.2 note on UN (implicit content), A.4 (fragments).

use std::ops::Range;

use super::tags;

/// Deepest nesting of sequences.
pub const DEPTH_MAX: usize = 64;

const UNDEFINED: u32 = 0xFFFF_FFFF;
pub(super) const ITEM: u32 = 0xFFFE_E000;
const ITEM_DELIMITER: u32 = 0xFFFE_E00D;
pub(super) const SEQUENCE_DELIMITER: u32 = 0xFFFE_E0DD;
const PIXEL_DATA: u32 = 0x7FE0_0010;
/// Float and Double Float Pixel Data: no CT image class has them, the walk ends there too.
const FLOAT_PIXEL_DATA: Range<u32> = 0x7FE0_0008..PIXEL_DATA;

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// VR present in the element header.
    pub explicit: bool,
    /// Most significant byte first.
    pub big_endian: bool,
}

impl Encoding {
    /// Implicit VR Little Endian, also the content of UN with undefined length.
    pub const IMPLICIT_LITTLE: Encoding = Encoding { explicit: false, big_endian: false };
    /// Explicit VR Little Endian.
    pub const EXPLICIT_LITTLE: Encoding = Encoding { explicit: true, big_endian: false };
    /// Explicit VR Big Endian (retired).
    pub const EXPLICIT_BIG: Encoding = Encoding { explicit: true, big_endian: true };
}

/// Why a data set could not be walked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// A length reaches past the end of the data set or of the enclosing item.
    #[error("element {tag:08x} at byte {offset} announces {length} bytes, {left} are left")]
    Length {
        /// The element.
        tag: u32,
        /// Where its header starts.
        offset: usize,
        /// Announced length.
        length: u32,
        /// Bytes left.
        left: u64,
    },
    /// The bytes end inside an element header or an open sequence.
    #[error("data set ends at byte {offset} inside an element")]
    End {
        /// Where.
        offset: usize,
    },
    /// Something else than an item or delimiter inside a sequence, or no element header.
    #[error("no valid element at byte {offset} (found {tag:08x})")]
    Element {
        /// What was found.
        tag: u32,
        /// Where.
        offset: usize,
    },
    /// Sequences nested more than [`DEPTH_MAX`] deep.
    #[error("sequences are nested more than {DEPTH_MAX} deep at byte {offset}")]
    Depth {
        /// Where.
        offset: usize,
    },
}

/// The elements kept of one data set or item.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elements(Vec<Element>);

#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) tag: u32,
    /// VR as written; `None` in implicit encoding.
    pub(crate) vr: Option<[u8; 2]>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Value bytes.
    Bytes(Range<usize>),
    /// Items of a sequence.
    Items(Vec<Elements>),
}

impl Elements {
    /// The element `tag`; of duplicates the last one counts.
    pub(crate) fn find(&self, tag: u32) -> Option<&Element> {
        self.0.iter().rev().find(|element| element.tag == tag)
    }

    /// Items of the sequence `tag`; none if it is absent.
    pub(crate) fn items(&self, tag: u32) -> &[Elements] {
        match self.find(tag).map(|element| &element.content) {
            Some(Content::Items(items)) => items,
            _ => &[],
        }
    }

    /// All items of all sequences that stand directly in this item.
    pub(crate) fn nested(&self) -> impl Iterator<Item = &Elements> {
        self.0.iter().flat_map(|element| match &element.content {
            Content::Items(items) => items.as_slice(),
            Content::Bytes(_) => &[],
        })
    }
}

/// Where Pixel Data lies, relative to the start of the (inflated) data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelDataElement {
    /// First byte of the value (of the first item, the offset table, when encapsulated).
    pub offset: u64,
    /// Length of the value; `None` when encapsulated in fragments.
    pub length: Option<u64>,
}

/// Outcome of a walk.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) elements: Elements,
    pub(crate) pixel_data: Option<PixelDataElement>,
    pub(crate) encoding: Encoding,
}

/// Walks `bytes`, the beginning of a data set of `total` bytes, up to Pixel Data.
///
/// `Ok(None)` when the bytes end before Pixel Data but the data set goes on: read more.
pub(crate) fn scan(bytes: &[u8], total: u64, declared: Encoding) -> Result<Option<Scanned>, ScanError> {
    scan_for(tags::is_read, bytes, total, declared)
}

/// As [`scan`], for the attributes that `is_kept` names.
pub(crate) fn scan_for(
    is_kept: fn(u32) -> bool,
    bytes: &[u8],
    total: u64,
    declared: Encoding,
) -> Result<Option<Scanned>, ScanError> {
    Walk::new(is_kept, bytes, total, declared).run()
}

/// Walks the beginning of a data set as far as it goes: what stands in `bytes`, whether or not Pixel Data is reached.
pub(crate) fn scan_head(bytes: &[u8], total: u64, declared: Encoding) -> Result<Scanned, ScanError> {
    let mut walk = Walk::new(tags::is_read, bytes, total, declared);
    match walk.run()? {
        Some(scanned) => Ok(scanned),
        None => Ok(walk.finish(None)),
    }
}

/// The encoding that the first element shows, where it contradicts the declared one.
fn probe(bytes: &[u8], declared: Encoding) -> Encoding {
    let Some(head) = bytes.get(..8) else { return declared };
    let known_vr = is_known_vr([head[4], head[5]]);
    let little_group = u16::from_le_bytes([head[0], head[1]]);
    let big_group = u16::from_be_bytes([head[0], head[1]]);
    match (declared.big_endian, known_vr) {
        (true, true) if big_group > little_group && little_group != 0 => Encoding::EXPLICIT_LITTLE,
        (false, true) if little_group > big_group && big_group != 0 => Encoding::EXPLICIT_BIG,
        (false, true) => Encoding::EXPLICIT_LITTLE,
        (false, false) if u32::from_le_bytes([head[4], head[5], head[6], head[7]]) < 0x0100_0000 => {
            Encoding::IMPLICIT_LITTLE
        }
        _ => declared,
    }
}

fn is_known_vr(vr: [u8; 2]) -> bool {
    is_long_vr(vr)
        || matches!(
            &vr,
            b"AE" | b"AS" | b"AT" | b"CS" | b"DA" | b"DS" | b"DT" | b"FL" | b"FD" | b"IS" | b"LO" | b"LT" | b"PN"
        )
        || matches!(&vr, b"SH" | b"SL" | b"SS" | b"ST" | b"TM" | b"UI" | b"UL" | b"US")
}

/// VRs with two reserved bytes and a 32-bit length (PS3.5 Table 7.1-1).
fn is_long_vr(vr: [u8; 2]) -> bool {
    matches!(&vr, b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV")
}

/// One open container. `end` is the byte after it, `None` where a delimiter closes it.
struct Level {
    end: Option<usize>,
    encoding: Encoding,
    /// Whether what stands in it is kept.
    keep: bool,
    kind: Kind,
}

enum Kind {
    Set(Elements),
    Sequence {
        tag: u32,
        items: Vec<Elements>,
    },
    /// Encapsulated fragments: items hold bytes, not elements.
    Fragments,
}

impl Level {
    fn set(end: Option<usize>, encoding: Encoding, keep: bool) -> Level {
        Level { end, encoding, keep, kind: Kind::Set(Elements::default()) }
    }
}

#[derive(Clone, Copy)]
struct Header {
    tag: u32,
    vr: Option<[u8; 2]>,
    length: u32,
    value: usize,
}

struct Walk<'a> {
    is_kept: fn(u32) -> bool,
    bytes: &'a [u8],
    total: u64,
    position: usize,
    encoding: Encoding,
    open: Vec<Level>,
}

/// What one step of the walk found.
enum Step {
    Go,
    More,
    Done(Option<PixelDataElement>),
}

impl<'a> Walk<'a> {
    fn new(is_kept: fn(u32) -> bool, bytes: &'a [u8], total: u64, declared: Encoding) -> Walk<'a> {
        let encoding = probe(bytes, declared);
        Walk { is_kept, bytes, total, position: 0, encoding, open: vec![Level::set(None, encoding, true)] }
    }

    fn run(&mut self) -> Result<Option<Scanned>, ScanError> {
        loop {
            self.close_ended()?;
            match self.step()? {
                Step::Go => {}
                Step::More => return Ok(None),
                Step::Done(pixel_data) => return Ok(Some(self.finish(pixel_data))),
            }
        }
    }

    /// Closes what is open and hands out what was kept.
    fn finish(&mut self, pixel_data: Option<PixelDataElement>) -> Scanned {
        while self.open.len() > 1 {
            self.close();
        }
        let elements = match self.open.pop().map(|level| level.kind) {
            Some(Kind::Set(elements)) => elements,
            _ => Elements::default(),
        };
        Scanned { elements, pixel_data, encoding: self.encoding }
    }

    /// Closes every container of defined length that ends here.
    fn close_ended(&mut self) -> Result<(), ScanError> {
        while self.open.len() > 1 {
            match self.open.last().and_then(|level| level.end) {
                Some(end) if self.position >= end => self.close(),
                _ => break,
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some(level) = self.open.pop() else { return };
        let Some(parent) = self.open.last_mut() else { return };
        match (level.kind, &mut parent.kind) {
            (Kind::Set(elements), Kind::Sequence { items, .. }) if level.keep => items.push(elements),
            (Kind::Sequence { tag, items }, Kind::Set(elements)) if level.keep => {
                elements.0.push(Element { tag, vr: Some(*b"SQ"), content: Content::Items(items) });
            }
            _ => {}
        }
    }

    fn step(&mut self) -> Result<Step, ScanError> {
        let nested = self.open.len() > 1;
        let left = self.total.saturating_sub(self.position as u64);
        // Trailing zeros or a stray byte after the last element are seen in archives; they hold no element.
        if !nested && (left < 8 || self.only_zeros_left()) {
            return Ok(Step::Done(None));
        }
        if left < 8 {
            return Err(ScanError::End { offset: self.position });
        }
        let (encoding, in_set) = match self.open.last() {
            Some(level) => (level.encoding, matches!(level.kind, Kind::Set(_))),
            None => (self.encoding, true),
        };
        let Some(header) = self.header(encoding)? else { return Ok(Step::More) };
        if in_set { self.element(header, encoding, nested) } else { self.item(header, encoding) }
    }

    fn only_zeros_left(&self) -> bool {
        self.bytes.len() as u64 == self.total
            && self.bytes.get(self.position..).is_some_and(|rest| rest.iter().all(|&byte| byte == 0))
    }

    /// An element of a data set or item.
    fn element(&mut self, header: Header, encoding: Encoding, nested: bool) -> Result<Step, ScanError> {
        let Header { tag, vr, length, value } = header;
        if tag == ITEM_DELIMITER && nested {
            self.position = value;
            self.close();
            return Ok(Step::Go);
        }
        if tag == SEQUENCE_DELIMITER && nested {
            // An item delimiter was left out: the sequence ends, and its item with it.
            self.position = value;
            self.close();
            self.close();
            return Ok(Step::Go);
        }
        if !nested && (tag == PIXEL_DATA || FLOAT_PIXEL_DATA.contains(&tag)) {
            let length = (length != UNDEFINED).then_some(u64::from(length));
            let found = PixelDataElement { offset: value as u64, length };
            return Ok(Step::Done((tag == PIXEL_DATA).then_some(found)));
        }
        if length == UNDEFINED {
            return self.open_undefined(tag, vr, value, encoding);
        }
        let end = self.end_of(tag, value, length)?;
        let wanted = self.open.last().is_some_and(|level| level.keep) && (self.is_kept)(tag);
        if wanted && (tags::is_sequence(tag)) {
            let inner = if vr == Some(*b"UN") { Encoding::IMPLICIT_LITTLE } else { encoding };
            self.position = value;
            return self.push(Level {
                end: Some(end),
                encoding: inner,
                keep: true,
                kind: Kind::Sequence { tag, items: Vec::new() },
            });
        }
        if end > self.bytes.len() {
            return Ok(Step::More);
        }
        if wanted && let Some(Level { kind: Kind::Set(elements), .. }) = self.open.last_mut() {
            elements.0.push(Element { tag, vr, content: Content::Bytes(value..end) });
        }
        self.position = end;
        Ok(Step::Go)
    }

    fn open_undefined(
        &mut self,
        tag: u32,
        vr: Option<[u8; 2]>,
        value: usize,
        encoding: Encoding,
    ) -> Result<Step, ScanError> {
        self.position = value;
        let keep = self.open.last().is_some_and(|level| level.keep) && (self.is_kept)(tag);
        let kind = match vr {
            Some(vr) if vr != *b"SQ" && vr != *b"UN" => Kind::Fragments,
            _ => Kind::Sequence { tag, items: Vec::new() },
        };
        let encoding = if vr == Some(*b"UN") { Encoding::IMPLICIT_LITTLE } else { encoding };
        self.push(Level { end: None, encoding, keep, kind })
    }

    /// An item, or the end, of a sequence or of fragments.
    fn item(&mut self, header: Header, encoding: Encoding) -> Result<Step, ScanError> {
        let Header { tag, length, value, .. } = header;
        match tag {
            SEQUENCE_DELIMITER => {
                self.position = value;
                self.close();
                Ok(Step::Go)
            }
            ITEM => {
                let (keep, fragments) = self
                    .open
                    .last()
                    .map_or((false, false), |level| (level.keep, matches!(level.kind, Kind::Fragments)));
                let end = if length == UNDEFINED { None } else { Some(self.end_of(tag, value, length)?) };
                self.position = value;
                match (fragments, end) {
                    (true, None) => Err(ScanError::Element { tag, offset: value }),
                    (true, Some(end)) => {
                        self.position = end;
                        Ok(if end > self.bytes.len() { Step::More } else { Step::Go })
                    }
                    (false, end) => self.push(Level::set(end, encoding, keep)),
                }
            }
            _ => Err(ScanError::Element { tag, offset: self.position }),
        }
    }

    fn push(&mut self, level: Level) -> Result<Step, ScanError> {
        // A sequence and its item are two containers but one step of nesting.
        if self.open.len() > 2 * DEPTH_MAX {
            return Err(ScanError::Depth { offset: self.position });
        }
        self.open.push(level);
        Ok(Step::Go)
    }

    /// The byte after a value, checked against the enclosing container and the data set.
    fn end_of(&self, tag: u32, value: usize, length: u32) -> Result<usize, ScanError> {
        let enclosing = self.open.iter().rev().find_map(|level| level.end).map_or(self.total, |end| end as u64);
        let left = enclosing.min(self.total).saturating_sub(value as u64);
        if u64::from(length) > left {
            return Err(ScanError::Length { tag, offset: self.position, length, left });
        }
        Ok(value + length as usize)
    }

    /// Reads the header at the position; `None` when the bytes end inside it although the data set goes on.
    fn header(&self, encoding: Encoding) -> Result<Option<Header>, ScanError> {
        let start = self.position;
        let Some(head) = self.bytes.get(start..start + 8) else {
            let whole = self.bytes.len() as u64 >= self.total;
            return if whole { Err(ScanError::End { offset: start }) } else { Ok(None) };
        };
        let tag = tag_at(head, encoding.big_endian);
        let vr = [head[4], head[5]];
        let four = u32_at(&head[4..8], encoding.big_endian);
        if tag >> 16 == 0xFFFE || !encoding.explicit {
            return Ok(Some(Header { tag, vr: None, length: four, value: start + 8 }));
        }
        let short = u32::from(if encoding.big_endian {
            u16::from_be_bytes([head[6], head[7]])
        } else {
            u16::from_le_bytes([head[6], head[7]])
        });
        let long = self.bytes.get(start + 8..start + 12).map(|bytes| u32_at(bytes, encoding.big_endian));
        if is_long_vr(vr) {
            return match long {
                Some(length) => Ok(Some(Header { tag, vr: Some(vr), length, value: start + 12 })),
                None if (self.bytes.len() as u64) < self.total => Ok(None),
                None => Err(ScanError::End { offset: start }),
            };
        }
        if is_known_vr(vr) {
            return Ok(Some(Header { tag, vr: Some(vr), length: short, value: start + 8 }));
        }
        // No VR of the standard: an implicit element among explicit ones, or a made-up VR with either length.
        let candidates = [
            Some(Header { tag, vr: None, length: four, value: start + 8 }),
            long.filter(|_| short == 0).map(|length| Header { tag, vr: Some(*b"UN"), length, value: start + 12 }),
            Some(Header { tag, vr: Some(*b"UN"), length: short, value: start + 8 }),
        ];
        let fits = |strictly: bool| {
            candidates.iter().flatten().copied().find(|header| self.leads_on(header, encoding, strictly))
        };
        fits(true).or_else(|| fits(false)).map(Some).ok_or(ScanError::Element { tag, offset: start })
    }

    /// Whether an element header read this way is followed by a next one in order; strictly: one with a VR.
    fn leads_on(&self, header: &Header, encoding: Encoding, strictly: bool) -> bool {
        if header.length == UNDEFINED {
            return false;
        }
        let end = header.value as u64 + u64::from(header.length);
        if end == self.total {
            return true;
        }
        let Some(next) = usize::try_from(end).ok().and_then(|end| self.bytes.get(end..end + 8)) else { return false };
        let tag = tag_at(next, encoding.big_endian);
        tag >> 16 == 0xFFFE || (tag > header.tag && (!strictly || is_known_vr([next[4], next[5]])))
    }
}

fn tag_at(head: &[u8], big_endian: bool) -> u32 {
    let word = |at: usize| {
        let pair = [head[at], head[at + 1]];
        u32::from(if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    word(0) << 16 | word(2)
}

fn u32_at(bytes: &[u8], big_endian: bool) -> u32 {
    let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
    if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}
