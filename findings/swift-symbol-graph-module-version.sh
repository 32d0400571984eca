#!/usr/bin/env bash
# Believed: the symbol graph of a Swift module, from which DocC makes its pages, has all public declarations, at the access level that is
#   asked for; only those that begin with an underscore are left out.
# Happens: every declaration whose name begins with the module's name and "Version" is left out as well, and with a type all its members:
#   in a module Shop the types ShopVersion and ShopVersioned, the function ShopVersionLabel(), and Catalog.ShopVersion, nested in a type. No
#   warning is given; `swiftc -emit-symbol-graph` and `swift-symbolgraph-extract` do the same. A link to the type then fails in DocC, and
#   without a link nobody notices. ShopRelease, in the same file, is there; VersionOfShop is, too.
# Versions: Swift 6.3.1 on Linux. Seen 2026-11-30.
#
# Needs a Swift toolchain and python3, and nothing from a network.
set -euo pipefail
STATED=6.3.1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >Shop.swift <<'END'
public enum ShopVersion { public static let text = "1.0" }
public struct ShopVersioned { public init() {} }
public func ShopVersionLabel() {}
public enum Catalog { public enum ShopVersion { public static let page = 1 } }
public enum ShopRelease { public static let number = 1 }
public enum VersionOfShop {}
END

version=$(swiftc --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9.]+).*/\1/p' | head -1)
echo "Swift $version (stated: $STATED)"
target=$(swiftc -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["triple"])')
mkdir emitted extracted
swiftc -emit-module -module-name Shop Shop.swift -emit-symbol-graph -emit-symbol-graph-dir emitted
swift-symbolgraph-extract -module-name Shop -I . -target "$target" -minimum-access-level public -output-dir extracted

titles() { python3 -c 'import json, sys; print(*sorted(s["names"]["title"] for s in json.load(open(sys.argv[1]))["symbols"]))' "$1"; }
expected="Catalog ShopRelease VersionOfShop number"
status=0
for way in emitted extracted; do
    seen=$(titles "$way/Shop.symbols.json")
    echo "$way: $seen"
    [[ $seen == "$expected" ]] || { echo "This has changed: it was '$expected'"; status=1; }
done
exit "$status"
