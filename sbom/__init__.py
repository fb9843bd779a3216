"""What Vedette is made of: a software bill of materials (CycloneDX 1.6), `docs/sbom.json`, and the licences in it."""
