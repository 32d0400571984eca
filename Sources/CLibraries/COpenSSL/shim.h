#pragma once
#if !__has_include(<openssl/ssl.h>)
#error MillraceRedis needs OpenSSL: apt-get install libssl-dev (Debian), dnf install openssl-devel (Fedora), brew install openssl (macOS)
#else

#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>
#include <openssl/sha.h>

#endif
