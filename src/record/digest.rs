//! Digest of the received instances.

use sha2::Digest;
use sha2::Sha256;

use crate::identity::Uid;
use crate::identity::hex;

/// SHA-256 (hexadecimal) over the sorted lines "SOPInstanceUID SP sha256(data set) LF"; the digests of the data sets
/// are hexadecimal. The order of arrival does not matter.
pub fn instances_digest<'a>(instances: impl IntoIterator<Item = (&'a Uid, &'a str)>) -> String {
    let mut lines: Vec<String> =
        instances.into_iter().map(|(uid, data_set_sha256)| format!("{uid} {data_set_sha256}\n")).collect();
    lines.sort_unstable();
    let mut digest = Sha256::new();
    lines.iter().for_each(|line| digest.update(line.as_bytes()));
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrival_order_does_not_reach_the_instances_digest() {
        let (a, b) = (Uid::parse("1.2.3").unwrap(), Uid::parse("1.2.4").unwrap());
        let forwards = instances_digest([(&a, "aa"), (&b, "bb")]);
        assert_eq!(forwards, instances_digest([(&b, "bb"), (&a, "aa")]));
        assert_ne!(forwards, instances_digest([(&a, "bb"), (&b, "aa")]));
        assert_eq!(forwards, hex(&Sha256::digest(b"1.2.3 aa\n1.2.4 bb\n")));
    }
}
