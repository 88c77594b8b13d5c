//! (under construction)

mod location;

pub use location::DataSetLocation;
