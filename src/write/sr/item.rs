//! Content items and their encoding as a tree.
//!
//! Source: PS3.3 C.17.3 (SR Document Content), C.18 (content item macros).

use std::collections::BTreeMap;

use dicom_core::VR;
use dicom_dictionary_std::tags;

use crate::codes::Term;
use crate::identity::Uid;
use crate::write::concepts::Code;
use crate::write::objects::DataSet;
use crate::write::objects::EncodeError;
use crate::write::objects::decimal_string;

/// How an item belongs to its parent (PS3.3 table C.17.3-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relationship {
    Contains,
    HasConceptModifier,
    HasObservationContext,
    HasAcquisitionContext,
    SelectedFrom,
    InferredFrom,
}

impl Relationship {
    fn word(self) -> &'static str {
        match self {
            Relationship::Contains => "CONTAINS",
            Relationship::HasConceptModifier => "HAS CONCEPT MOD",
            Relationship::HasObservationContext => "HAS OBS CONTEXT",
            Relationship::HasAcquisitionContext => "HAS ACQ CONTEXT",
            Relationship::SelectedFrom => "SELECTED FROM",
            Relationship::InferredFrom => "INFERRED FROM",
        }
    }
}

/// An image, a frame of it, or a segment.
#[derive(Debug, Clone)]
pub(super) struct ImageReference {
    pub(super) class: String,
    pub(super) instance: Uid,
    pub(super) frame: Option<u32>,
    pub(super) segment: Option<u16>,
}

/// Value of an item.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A heading; the template where the standard asks for it.
    Container(Option<&'static str>),
    Code(Code),
    Text(String),
    UidReference(Uid),
    /// A finite number, rounded, with its unit.
    Number(f64, Code),
    /// No number, and why.
    NoNumber(Code),
    Image(ImageReference),
    /// Graphic type and points `column, row` (0.5 is the centre of the first pixel).
    Coordinates(&'static str, Vec<f32>),
    /// The item of this anchor, by reference.
    Reference(Term),
}

/// A content item.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) relationship: Relationship,
    pub(super) name: Option<Code>,
    pub(super) content: Content,
    pub(super) children: Vec<Item>,
    /// Set on the item that [`Content::Reference`] of the term points to.
    pub(super) anchor: Option<Term>,
}

impl Item {
    pub(super) fn new(relationship: Relationship, name: Code, content: Content) -> Item {
        Item { relationship, name: Some(name), content, children: Vec::new(), anchor: None }
    }

    /// An item without concept name: images of a library, references.
    pub(super) fn unnamed(relationship: Relationship, content: Content) -> Item {
        Item { relationship, name: None, content, children: Vec::new(), anchor: None }
    }

    pub(super) fn container(name: Code, template: Option<&'static str>, children: Vec<Item>) -> Item {
        Item::new(Relationship::Contains, name, Content::Container(template)).with(children)
    }

    pub(super) fn with(mut self, children: Vec<Item>) -> Item {
        self.children.extend(children);
        self
    }

    pub(super) fn anchored(mut self, term: Term) -> Item {
        self.anchor = Some(term);
        self
    }
}

/// Where the anchored items stand: positions from the root, which is 1 (PS3.3 C.17.3.2.5).
fn anchors(root: &Item) -> BTreeMap<Term, Vec<u32>> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(&Item, Vec<u32>)> = vec![(root, vec![1])];
    while let Some((item, path)) = open.pop() {
        for (position, child) in (1..).zip(&item.children) {
            open.push((child, path.iter().copied().chain([position]).collect()));
        }
        if let Some(term) = item.anchor {
            found.insert(term, path);
        }
    }
    found
}

/// Writes the root and all below it into the data set of the document.
pub(super) fn encode(root: &Item, set: &mut DataSet) -> Result<(), EncodeError> {
    body(root, set, &anchors(root))
}

fn nested(item: &Item, anchors: &BTreeMap<Term, Vec<u32>>) -> Result<DataSet, EncodeError> {
    let mut set = DataSet::new();
    set.text(tags::RELATIONSHIP_TYPE, VR::CS, item.relationship.word());
    body(item, &mut set, anchors)?;
    Ok(set)
}

/// Everything of an item but its relationship. The depth is that of the templates, at most seven.
fn body(item: &Item, set: &mut DataSet, anchors: &BTreeMap<Term, Vec<u32>>) -> Result<(), EncodeError> {
    if let Content::Reference(term) = item.content {
        set.longs(tags::REFERENCED_CONTENT_ITEM_IDENTIFIER, anchors.get(&term).map_or(&[], Vec::as_slice));
        return Ok(());
    }
    if let Some(name) = item.name {
        set.code(tags::CONCEPT_NAME_CODE_SEQUENCE, name);
    }
    value(&item.content, set)?;
    if !item.children.is_empty() {
        let children: Result<Vec<DataSet>, EncodeError> =
            item.children.iter().map(|child| nested(child, anchors)).collect();
        set.sequence(tags::CONTENT_SEQUENCE, children?);
    }
    Ok(())
}

fn value(content: &Content, set: &mut DataSet) -> Result<(), EncodeError> {
    let mut kind = |word: &str| set.text(tags::VALUE_TYPE, VR::CS, word);
    match content {
        Content::Container(template) => {
            kind("CONTAINER");
            set.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
            if let Some(identifier) = template {
                let mut item = DataSet::new();
                item.text(tags::MAPPING_RESOURCE, VR::CS, "DCMR");
                item.text(tags::TEMPLATE_IDENTIFIER, VR::CS, identifier);
                set.sequence(tags::CONTENT_TEMPLATE_SEQUENCE, vec![item]);
            }
        }
        Content::Code(code) => {
            kind("CODE");
            set.code(tags::CONCEPT_CODE_SEQUENCE, *code);
        }
        Content::Text(text) => {
            kind("TEXT");
            set.text(tags::TEXT_VALUE, VR::UT, text);
        }
        Content::UidReference(uid) => {
            kind("UIDREF");
            set.uid(tags::UID, uid);
        }
        Content::Number(number, unit) => {
            kind("NUM");
            let mut measured = DataSet::new();
            measured.text(tags::NUMERIC_VALUE, VR::DS, &decimal_string(*number)?);
            measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, *unit);
            set.sequence(tags::MEASURED_VALUE_SEQUENCE, vec![measured]);
        }
        Content::NoNumber(qualifier) => {
            kind("NUM");
            set.sequence(tags::MEASURED_VALUE_SEQUENCE, Vec::new());
            set.code(tags::NUMERIC_VALUE_QUALIFIER_CODE_SEQUENCE, *qualifier);
        }
        Content::Image(image) => {
            kind("IMAGE");
            set.sequence(tags::REFERENCED_SOP_SEQUENCE, vec![reference(image)]);
        }
        Content::Coordinates(graphic, points) => {
            kind("SCOORD");
            set.floats(tags::GRAPHIC_DATA, points);
            set.text(tags::GRAPHIC_TYPE, VR::CS, graphic);
        }
        Content::Reference(_) => {}
    }
    Ok(())
}

fn reference(image: &ImageReference) -> DataSet {
    let mut item = DataSet::reference(&image.class, &image.instance);
    if let Some(frame) = image.frame {
        item.text(tags::REFERENCED_FRAME_NUMBER, VR::IS, &frame.to_string());
    }
    if let Some(segment) = image.segment {
        item.short(tags::REFERENCED_SEGMENT_NUMBER, segment);
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::concepts;

    #[test]
    fn references_count_items_from_the_root() {
        let number = Item::new(
            Relationship::Contains,
            concepts::ATTENUATION_COEFFICIENT,
            Content::Number(1.0, concepts::HOUNSFIELD_UNIT),
        );
        let group =
            Item::container(concepts::MEASUREMENT_GROUP, None, vec![number.clone(), number.anchored(Term::L1Hu)]);
        let root = Item::container(concepts::IMAGING_MEASUREMENT_REPORT, Some("1500"), vec![group]);
        assert_eq!(anchors(&root)[&Term::L1Hu], [1, 1, 2]);
    }
}
