//! Who may call which application entity.
//!
//! Input: the titles of an association request and the address of the peer.
//! Output: the application entity that is called. Errors: the [`Rejection`] to answer with.
//! Source: PS3.8 9.3.4. Titles compare without regard to case and padding.

use std::net::IpAddr;
use std::str::FromStr;

use super::options::ApplicationEntity;
use crate::dimse::{APPLICATION_CONTEXT_NAME, AssociationRequest, Rejection};
use crate::identity::{AeTitle, IdentityError};

/// Which calling AE titles are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallingTitles {
    /// Every title, also none at all.
    Any,
    /// Only these.
    Listed(Vec<AeTitle>),
}

impl CallingTitles {
    /// Reads a configured list; `*` in it stands for every title.
    pub fn parse<'text>(texts: impl IntoIterator<Item = &'text str>) -> Result<CallingTitles, IdentityError> {
        let mut listed = Vec::new();
        for text in texts {
            if text == "*" {
                return Ok(CallingTitles::Any);
            }
            listed.push(AeTitle::parse(text)?);
        }
        Ok(CallingTitles::Listed(listed))
    }

    fn admit(&self, calling: &str) -> bool {
        match self {
            CallingTitles::Any => true,
            CallingTitles::Listed(titles) => AeTitle::parse(calling).is_ok_and(|calling| titles.contains(&calling)),
        }
    }
}

/// An address, or a range of addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

/// Text that is no address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an IP address or a range such as 10.0.0.0/8")]
pub struct AddressRangeError {
    text: String,
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<AddressRange, AddressRangeError> {
        let error = || AddressRangeError { text: text.chars().take(80).collect() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| error())?)),
            None => (text, None),
        };
        let first: IpAddr = address.trim().parse().map_err(|_| error())?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits <= width { Ok(AddressRange { first, bits }) } else { Err(error()) }
    }
}

impl AddressRange {
    /// Whether `address` lies in the range; an IPv4 address that arrives mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let leading = |bytes: u128, width: u32| bytes.checked_shr(width - u32::from(self.bits)).unwrap_or(0);
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                leading(u32::from(first).into(), 32) == leading(u32::from(address).into(), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                leading(u128::from(first), 128) == leading(u128::from(address), 128)
            }
            _ => false,
        }
    }
}

/// The application entity that `request` calls, if `address` may call it under its title.
pub(super) fn admit<'entities>(
    entities: &'entities [ApplicationEntity],
    request: &AssociationRequest,
    address: IpAddr,
) -> Result<&'entities ApplicationEntity, Rejection> {
    if !request.speaks_version_1() {
        return Err(Rejection::ProtocolVersion);
    }
    if request.application_context != APPLICATION_CONTEXT_NAME {
        return Err(Rejection::ApplicationContext);
    }
    let called = AeTitle::parse(&request.called).map_err(|_| Rejection::CalledTitle)?;
    let entity = entities.iter().find(|entity| entity.title == called).ok_or(Rejection::CalledTitle)?;
    let from_there =
        entity.accept_addresses.is_empty() || entity.accept_addresses.iter().any(|range| range.contains(address));
    if from_there && entity.accept_calling.admit(&request.calling) { Ok(entity) } else { Err(Rejection::CallingTitle) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses_and_no_others() {
        let range: AddressRange = "10.1.0.0/16".parse().unwrap();
        assert!(range.contains("10.1.255.3".parse().unwrap()));
        assert!(range.contains("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!range.contains("10.2.0.1".parse().unwrap()));
        let all: AddressRange = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("192.0.2.1".parse().unwrap()));
        let every: AddressRange = "::/0".parse().unwrap();
        assert!(every.contains("2001:db8::1".parse().unwrap()));
        let one: AddressRange = "2001:db8::1".parse().unwrap();
        assert!(!one.contains("2001:db8::2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_range_is_told() {
        for text in ["", "10.0.0.0/33", "host", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_blank_calling_title_is_admitted_only_where_every_title_is() {
        let listed = CallingTitles::parse(["CT01"]).unwrap();
        assert!(listed.admit("ct01") && !listed.admit("CT02") && !listed.admit(""));
        assert!(CallingTitles::parse(["CT01", "*"]).unwrap().admit(""));
    }
}
