#include "../../CSQLite/shim.h"
