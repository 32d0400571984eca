#include "../../CNATS/shim.h"
