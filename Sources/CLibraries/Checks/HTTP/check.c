#include "../../CMicroHTTPD/shim.h"
