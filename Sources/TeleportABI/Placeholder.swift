import CTeleport

@_cdecl("tp_version_number") @implementation public func tp_version_number() -> Int32 { 100 }
