//! Received data sets as DICOM files.
//!
//! Input: what the association and the command said of an object. Output: preamble and File Meta Information that precede
//! its data set, which is kept as received. Source: PS3.10 7.1.

use crate::dimse;
use crate::spool::InstanceHeader;

/// Preamble, prefix and File Meta Information.
pub fn meta_of(header: &InstanceHeader) -> Vec<u8> {
    let mut group = Vec::new();
    long_element(&mut group, 0x0001, b"OB", &[0, 1]);
    uid_element(&mut group, 0x0002, header.sop_class_uid.as_str());
    uid_element(&mut group, 0x0003, header.sop_instance_uid.as_str());
    uid_element(&mut group, 0x0010, header.transfer_syntax_uid.as_str());
    uid_element(&mut group, 0x0012, dimse::implementation_class_uid().as_str());
    text_element(&mut group, 0x0013, b"SH", dimse::IMPLEMENTATION_VERSION_NAME);
    text_element(&mut group, 0x0016, b"AE", &header.calling.chars().take(16).collect::<String>());
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    short_header(&mut file, 0x0000, b"UL", 4);
    file.extend_from_slice(&u32::try_from(group.len()).unwrap_or(0).to_le_bytes());
    file.extend_from_slice(&group);
    file
}

fn short_header(out: &mut Vec<u8>, element: u16, vr: &[u8; 2], length: u16) {
    out.extend_from_slice(&0x0002_u16.to_le_bytes());
    out.extend_from_slice(&element.to_le_bytes());
    out.extend_from_slice(vr);
    out.extend_from_slice(&length.to_le_bytes());
}

fn long_element(out: &mut Vec<u8>, element: u16, vr: &[u8; 2], value: &[u8]) {
    short_header(out, element, vr, 0);
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(value);
}

fn uid_element(out: &mut Vec<u8>, element: u16, uid: &str) {
    padded(out, element, b"UI", uid.as_bytes(), 0);
}

fn text_element(out: &mut Vec<u8>, element: u16, vr: &[u8; 2], text: &str) {
    padded(out, element, vr, text.as_bytes(), b' ');
}

fn padded(out: &mut Vec<u8>, element: u16, vr: &[u8; 2], value: &[u8], padding: u8) {
    let even = value.len() + value.len() % 2;
    short_header(out, element, vr, u16::try_from(even).unwrap_or(0));
    out.extend_from_slice(value);
    out.resize(out.len() + even - value.len(), padding);
}
