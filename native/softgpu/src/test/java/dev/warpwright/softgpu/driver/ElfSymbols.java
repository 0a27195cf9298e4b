package dev.warpwright.softgpu.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.SortedSet;
import java.util.TreeSet;

/** Reads the dynamic symbols of a 64-bit little-endian ELF file that has a section table. */
final class ElfSymbols {
  private static final int DYNSYM = 11;
  private static final int SYMBOL_BYTES = 24;

  private ElfSymbols() {}

  /** Names that the file wants others to define. */
  static SortedSet<String> undefined(byte[] file) {
    ByteBuffer elf = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    long sections = elf.getLong(40);
    int sectionBytes = elf.getShort(58);
    for (int i = 0; i < elf.getShort(60); i++) {
      int section = (int) sections + i * sectionBytes;
      if (elf.getInt(section + 4) == DYNSYM) {
        int strings = (int) sections + elf.getInt(section + 40) * sectionBytes;
        return undefined(elf, section, (int) elf.getLong(strings + 24));
      }
    }
    throw new IllegalArgumentException("no dynamic symbols");
  }

  private static SortedSet<String> undefined(ByteBuffer elf, int section, int strings) {
    SortedSet<String> names = new TreeSet<>();
    int start = (int) elf.getLong(section + 24);
    int end = start + (int) elf.getLong(section + 32);
    for (int symbol = start; symbol < end; symbol += SYMBOL_BYTES) {
      if (elf.getShort(symbol + 6) == 0) {
        names.add(text(elf, strings + elf.getInt(symbol)));
      }
    }
    return names;
  }

  private static String text(ByteBuffer elf, int start) {
    int end = start;
    while (elf.get(end) != 0) {
      end++;
    }
    byte[] name = new byte[end - start];
    elf.get(start, name);
    return new String(name, StandardCharsets.US_ASCII);
  }
}
