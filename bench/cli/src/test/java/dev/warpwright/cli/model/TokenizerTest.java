package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {
  /**
   * Whole words, cut at spaces; texts longer than two tokens are cut unless that is switched off.
   */
  private static final String WORDS =
      """
      {"version": "1.0",
       "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst",
                      "stride": 0},
       "padding": null, "added_tokens": [], "normalizer": null,
       "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
       "model": {"type": "WordLevel", "unk_token": "?",
                 "vocab": {"?": 0, "warps": 1, "are": 2, "built": 3, "h\u00e4r": 4}}}
      """;

  @TempDir Path folder;

  private Tokenizer open(String json) throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), json);
    return Tokenizer.open(folder, 5);
  }

  @Test
  void wordsBecomeTokensAndBack() throws IOException {
    try (Tokenizer tokenizer = open(WORDS)) {
      byte[] text = "warps are built h\u00e4r elsewhere".getBytes(StandardCharsets.UTF_8);
      assertArrayEquals(new int[] {1, 2, 3, 4, 0}, tokenizer.encode(text));
      assertEquals(
          "built h\u00e4r warps",
          new String(tokenizer.decode(new int[] {3, 4, 1}), StandardCharsets.UTF_8));
      assertArrayEquals(new int[0], tokenizer.encode(new byte[0]));
    }
  }

  @Test
  void aBadFileIsNamed() {
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> open("{\"model\": 1}").close());
    assertTrue(e.getMessage().contains("tokenizer.json: tokenizer: "), e::getMessage);
  }

  @Test
  void withoutAFileBytesAreTokens() throws IOException {
    assertSame(Tokenizer.BYTES, Tokenizer.open(folder, 256));
    assertArrayEquals(new int[] {0, 255}, Tokenizer.BYTES.encode(new byte[] {0, -1}));
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Tokenizer.open(folder, 257));
    assertTrue(e.getMessage().contains("the file is missing"), e::getMessage);
  }
}
