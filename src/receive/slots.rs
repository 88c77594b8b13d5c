//! How many lines may be open at once, in all and from one address.
//!
//! Input: addresses. Output: slots that are given back when dropped. Errors: none; no slot is the answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A number of slots, shared by address.
#[derive(Clone)]
pub(super) struct Slots {
    total_max: usize,
    per_address_max: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One taken slot.
pub(super) struct Slot {
    address: IpAddr,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Slots {
    pub(super) fn new(total_max: usize, per_address_max: usize) -> Slots {
        Slots { total_max, per_address_max, taken: Arc::default() }
    }

    pub(super) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = address.to_canonical();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = taken.get(&address).copied().unwrap_or(0);
        // At most `total_max` addresses are in the map, so the sum is short.
        if of_address >= self.per_address_max || taken.values().sum::<usize>() >= self.total_max {
            return None;
        }
        taken.insert(address, of_address + 1);
        Some(Slot { address, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_limited_in_all_and_by_address_and_come_back() {
        let slots = Slots::new(3, 2);
        let [first, second]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let held = (slots.take(first).unwrap(), slots.take(mapped).unwrap());
        assert!(slots.take(first).is_none());
        let other = slots.take(second).unwrap();
        assert!(slots.take(second).is_none());
        drop(held);
        assert!(slots.take(second).is_some());
        drop(other);
        assert!(slots.taken.lock().unwrap().is_empty());
    }
}
