// No code: this target only carries the link settings and the export map of libteleport.so.
@_exported import TeleportABI
