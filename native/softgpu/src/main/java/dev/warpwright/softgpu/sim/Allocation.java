package dev.warpwright.softgpu.sim;

import java.util.Arrays;

/** A block of simulated device memory with a bit per byte that says whether it was written. */
public final class Allocation {
  /** Holds no address. */
  static final Allocation NONE = new Allocation(0, 0, "nothing");

  private final long address;
  private final long bytes;
  private final String label;
  final byte[] data;

  /** Bit {@code b & 7} of byte {@code b >> 3} is set once byte b is initialised. */
  final byte[] initialised;

  final Shadow shadow;

  private boolean freed;

  Allocation(long address, int bytes, String label) {
    this.address = address;
    this.bytes = bytes;
    this.label = label;
    // Room for one vector access beyond the end keeps the views of the last bytes simple.
    data = new byte[bytes + 16];
    initialised = new byte[(bytes >> 3) + 3];
    shadow = new Shadow(bytes, address == 0);
  }

  /** Device address of the first byte. */
  public long address() {
    return address;
  }

  /** Size. */
  public long bytes() {
    return bytes;
  }

  /** What the creator called it. */
  public String label() {
    return label;
  }

  /** Whether it was given back. */
  public boolean freed() {
    return freed;
  }

  void markFreed() {
    freed = true;
  }

  /** Bytes that are remembered about the bytes of this allocation. */
  long footprint() {
    return shadow.footprint() + initialised.length;
  }

  boolean contains(long from, long count) {
    return from >= address && count <= bytes && from - address <= bytes - count;
  }

  void markInitialised(long offset, long count) {
    int from = (int) offset;
    int to = (int) (offset + count);
    while (from < to && (from & 7) != 0) {
      mark(from++);
    }
    while (from < to && (to & 7) != 0) {
      mark(--to);
    }
    Arrays.fill(initialised, from >> 3, to >> 3, (byte) -1);
  }

  private void mark(int offset) {
    initialised[offset >> 3] |= (byte) (1 << (offset & 7));
  }

  /** Bytes that nobody wrote, from here on. */
  void forget(int offset, int count) {
    for (int i = offset; i < offset + count; i++) {
      initialised[i >> 3] &= (byte) ~(1 << (i & 7));
    }
  }

  /** Copies bytes; those that nobody wrote stay so. */
  void copy(int from, int to, int count) {
    System.arraycopy(data, from, data, to, count);
    for (int i = 0; i < count; i++) {
      if ((initialised[(from + i) >> 3] >> ((from + i) & 7) & 1) != 0) {
        mark(to + i);
      }
    }
  }

  /** Offset of the first byte of the range that nobody wrote, or -1. */
  long firstUninitialised(long offset, long count) {
    for (long i = offset; i < offset + count; i++) {
      if ((initialised[(int) (i >> 3)] >> (i & 7) & 1) == 0) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public String toString() {
    return label + " (" + bytes + " bytes at 0x" + Long.toHexString(address) + ")";
  }
}
