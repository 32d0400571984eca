#pragma once
#if !__has_include(<zlib.h>)
#error MillraceCompression needs zlib: apt-get install zlib1g-dev (Debian), dnf install zlib-devel (Fedora), brew install zlib (macOS)
#else

#include <zlib.h>

#endif
