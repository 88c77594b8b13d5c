//! `resetray echo AET@HOST:PORT`: C-ECHO.

use std::fmt;
use std::str::FromStr;

use super::Failure;
use crate::config::Config;
use crate::dimse::Requestor;
use crate::dimse::RequestorOptions;
use crate::identity::AeTitle;

/// A peer as `AET@HOST:PORT`.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Called AE title.
    pub(super) title: AeTitle,
    /// Host and port.
    pub(super) address: String,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Peer, String> {
        let wrong = || format!("{text:?} does not read AET@HOST:PORT");
        let (title, address) = text.split_once('@').ok_or_else(wrong)?;
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        let title = AeTitle::parse(title).map_err(|error| error.to_string())?;
        Ok(Peer { title, address: address.to_owned() })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.title, self.address)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The peer, as AET@HOST:PORT.
    peer: Peer,
}

/// Our title and limits for an association with a peer.
pub(super) fn requestor_options(config: &Config, peer: &Peer) -> Result<RequestorOptions, Failure> {
    let calling =
        AeTitle::parse(&config.node.ae_title).map_err(|error| Failure::Usage(format!("node.ae_title: {error}")))?;
    Ok(RequestorOptions::new(calling, peer.title.clone()))
}

pub(super) fn run(arguments: Arguments, config: Config) -> Result<(), Failure> {
    let peer = arguments.peer;
    let options = requestor_options(&config, &peer)?;
    super::runtime()?.block_on(async {
        let failed = |error| Failure::in_context(&peer, &error);
        let mut association = Requestor::associate(&peer.address, &options, &[]).await.map_err(failed)?;
        let status = association.echo().await.map_err(failed)?;
        association.release().await.map_err(failed)?;
        if status != 0 {
            return Err(Failure::Work(format!("{peer} answered status 0x{status:04X}")));
        }
        println!("{peer} answered");
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_needs_title_host_and_port() {
        assert_eq!("PACS@127.0.0.1:104".parse::<Peer>().unwrap().to_string(), "PACS@127.0.0.1:104");
        assert_eq!("PACS@[::1]:104".parse::<Peer>().unwrap().address, "[::1]:104");
        for wrong in ["127.0.0.1:104", "PACS@127.0.0.1", "@127.0.0.1:104", "PACS@:104", "PACS@h:notaport"] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }
}
