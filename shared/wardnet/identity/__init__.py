"""Who is who: keys, certificates, signed envelopes."""
