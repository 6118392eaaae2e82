//! The versions of the contract: which component runs on which host.

use std::fmt;
use std::str::FromStr;

/// A version of the packages in wit/, which share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContractVersion {
    /// Changes when the exported sink does.
    pub major: u32,
    /// Grows with the imports; as long as `major` is 0, it changes when the exported sink does.
    pub minor: u32,
    /// Grows with the imports as long as `major` is 0.
    pub patch: u32,
}

/// The version that this host speaks.
pub const CONTRACT: ContractVersion = ContractVersion {
    major: 0,
    minor: 1,
    patch: 0,
};

impl ContractVersion {
    /// Whether a component that was built for `component` runs on a host of this version: the
    /// contract only grows within one compatible line, and nothing older than the component will do.
    pub fn runs(self, component: Self) -> bool {
        self.line() == component.line() && component <= self
    }

    /// What stays the same as long as nothing breaks.
    fn line(self) -> (u32, u32) {
        match self.major {
            0 => (0, self.minor),
            major => (major, 0),
        }
    }
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A text that is no version.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not a version of the form 1.2.3")]
pub struct NotAVersion;

impl FromStr for ContractVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text
            .split('.')
            .map(|word| word.parse().map_err(|_| NotAVersion));
        let mut next = || numbers.next().unwrap_or(Err(NotAVersion));
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        match numbers.next() {
            None => Ok(version),
            Some(_) => Err(NotAVersion),
        }
    }
}

/// `namespace:package/interface@version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceName<'a> {
    pub(super) namespace: &'a str,
    pub(super) package: &'a str,
    pub(super) interface: &'a str,
    pub(super) version: Option<&'a str>,
}

impl<'a> InterfaceName<'a> {
    /// None where `name` is not that of an interface.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let (namespace, rest) = path.split_once(':')?;
        let (package, interface) = rest.split_once('/')?;
        Some(Self {
            namespace,
            package,
            interface,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ContractVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_constant_is_the_version_of_the_wit_packages() {
        // Every package has the version of these two: the core's test of the contract sees to it.
        for wit in [
            include_str!("../../../wit/deps/sink/sink.wit"),
            include_str!("../../../wit/deps/sink/types.wit"),
        ] {
            let first = wit.lines().next().unwrap();
            assert!(first.ends_with(&format!("@{CONTRACT};")), "{first}");
        }
    }

    #[test]
    fn a_host_runs_what_its_line_has_released_so_far() {
        for (host, component, runs) in [
            ("0.1.0", "0.1.0", true),
            ("0.1.2", "0.1.1", true),
            ("0.1.0", "0.1.1", false),
            ("0.2.0", "0.1.0", false),
            ("0.1.0", "0.2.0", false),
            ("1.3.0", "1.2.9", true),
            ("1.2.0", "1.3.0", false),
            ("2.0.0", "1.0.0", false),
            ("1.0.0", "0.1.0", false),
        ] {
            assert_eq!(
                version(host).runs(version(component)),
                runs,
                "{component} on {host}"
            );
        }
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for wrong in ["", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.3-rc.1", "-1.0.0"] {
            assert!(wrong.parse::<ContractVersion>().is_err(), "{wrong}");
        }
    }
}
