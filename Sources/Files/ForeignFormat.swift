/// Files that people take for safetensors files, known by their first bytes.
enum ForeignFormat {
    /// What `torch.save` writes is an archive or, before 2020, a pickle: both may run code when
    /// they are read.
    private static let torch =
        "it is a file of PyTorch's torch.save, which is not read; write it with "
        + "safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"

    /// A sentence for a file whose first eight bytes, little-endian, are no length of a header.
    static func sentence(first: UInt64) -> String? {
        let isArchive = first & 0xFFFF_FFFF == 0x0403_4B50
        // The opcode of a pickle's protocol and its number, 2 to 5.
        let isPickle = first & 0xFF == 0x80 && (2...5).contains(first >> 8 & 0xFF)
        return isArchive || isPickle ? torch : nil
    }
}
