//! A setting that is never printed.

use std::{convert::Infallible, fmt, str::FromStr};

/// A secret from a flag or an environment variable. It has no `==`: how long texts take to compare tells how much of a guess
/// was right. Who has to know whether somebody else has it compares what it signs, as `hmac` does.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever signs, verifies or connects with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Secret {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::*;

    /// Of a type that can be compared with anything there are two of these, so that a call cannot tell which one it means.
    trait Incomparable<With: ?Sized> {
        fn compiles() {}
    }
    impl<T> Incomparable<()> for T {}
    impl<T: PartialEq<Other>, Other: ?Sized> Incomparable<PhantomData<Other>> for T {}

    #[test]
    fn no_comparison_of_a_secret_compiles() {
        <Secret as Incomparable<_>>::compiles();
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::from("hidden".to_owned())), "<secret>");
    }
}
