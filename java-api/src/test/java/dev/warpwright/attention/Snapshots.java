package dev.warpwright.attention;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Written forms of sequences. */
final class Snapshots {
  private Snapshots() {}

  static byte[] bytes(Sequence sequence) {
    try (KvSnapshot snapshot = KvSnapshot.of(sequence)) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      snapshot.writeTo(out);
      return out.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
