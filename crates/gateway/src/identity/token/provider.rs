//! Signatures of tokens, checked by the one provider of cryptography that is in the program anyway.

use std::error::Error as StdError;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::hmac;
use ring::signature as rs;

/// What the library asks for whatever has to do with keys. It signs nothing.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        if key.family() != family(*algorithm) {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        Ok(Box::new(Check { algorithm: *algorithm, key: key.clone() }))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes the library use it. Whoever comes second finds that it is there.
pub(crate) fn install() {
    PROVIDER.install_default().unwrap_or_default();
}

fn family(algorithm: Algorithm) -> jsonwebtoken::AlgorithmFamily {
    use jsonwebtoken::AlgorithmFamily::{Ec, Ed, Hmac, Rsa};
    [Hmac, Rsa, Ec, Ed].into_iter().find(|family| family.algorithms().contains(&algorithm)).unwrap_or(Hmac)
}

/// A key, and the algorithm that it is to be used with.
struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// A signature that is none.
#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the signature does not fit")
    }
}

impl StdError for Refused {}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.fits(message, signature).map_err(|_| signature::Error::from_source(Refused))
    }
}

impl Check {
    fn fits(&self, message: &[u8], signature: &[u8]) -> Result<(), ring::error::Unspecified> {
        match self.algorithm {
            Algorithm::HS256 => self.authenticate(hmac::HMAC_SHA256, message, signature),
            Algorithm::HS384 => self.authenticate(hmac::HMAC_SHA384, message, signature),
            Algorithm::HS512 => self.authenticate(hmac::HMAC_SHA512, message, signature),
            Algorithm::ES256 => self.check(&rs::ECDSA_P256_SHA256_FIXED, message, signature),
            Algorithm::ES384 => self.check(&rs::ECDSA_P384_SHA384_FIXED, message, signature),
            Algorithm::EdDSA => self.check(&rs::ED25519, message, signature),
            Algorithm::RS256 => self.rsa(&rs::RSA_PKCS1_2048_8192_SHA256, message, signature),
            Algorithm::RS384 => self.rsa(&rs::RSA_PKCS1_2048_8192_SHA384, message, signature),
            Algorithm::RS512 => self.rsa(&rs::RSA_PKCS1_2048_8192_SHA512, message, signature),
            Algorithm::PS256 => self.rsa(&rs::RSA_PSS_2048_8192_SHA256, message, signature),
            Algorithm::PS384 => self.rsa(&rs::RSA_PSS_2048_8192_SHA384, message, signature),
            Algorithm::PS512 => self.rsa(&rs::RSA_PSS_2048_8192_SHA512, message, signature),
            _ => Err(ring::error::Unspecified),
        }
    }

    fn bytes(&self) -> Result<&[u8], ring::error::Unspecified> {
        self.key.try_get_as_bytes().map_err(|_| ring::error::Unspecified)
    }

    fn authenticate(
        &self,
        algorithm: hmac::Algorithm,
        message: &[u8],
        tag: &[u8],
    ) -> Result<(), ring::error::Unspecified> {
        hmac::verify(&hmac::Key::new(algorithm, self.bytes()?), message, tag)
    }

    fn check(
        &self,
        algorithm: &'static dyn rs::VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ring::error::Unspecified> {
        rs::UnparsedPublicKey::new(algorithm, self.bytes()?).verify(message, signature)
    }

    fn rsa(
        &self,
        algorithm: &'static rs::RsaParameters,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ring::error::Unspecified> {
        match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                rs::RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature)
            }
            DecodingKeyKind::SecretOrDer(_) => self.check(algorithm, message, signature),
        }
    }
}
