package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.warpwright.cli.model.TinyLlama;
import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvictCommandTest {
  @TempDir Path folder;

  @Test
  void comparesAllPolicies() throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    Path json = folder.resolve("evict.json");
    Path text = folder.resolve("text");
    Files.writeString(text, "In the beginning God created the heaven and the earth. ".repeat(9));
    CommandRun run =
        evict(text, "--windows", "2", "--budgets", "8,1000000", "--json", json.toString());
    assertEquals(0, run.exit(), run::err);
    JsonArray rows = JsonParser.parseString(Files.readString(json)).getAsJsonArray();
    assertEquals(1 + 8 * 2, rows.size());
    JsonObject full = rows.get(0).getAsJsonObject();
    for (int i = 1; i < rows.size(); i++) {
      JsonObject row = rows.get(i).getAsJsonObject();
      if (row.get("budget").getAsInt() == 8) {
        assertTrue(row.get("kvBytes").getAsLong() < full.get("kvBytes").getAsLong(), row::toString);
        assertTrue(row.get("difference").getAsDouble() != 0, row::toString);
      } else {
        // A budget that is never reached changes nothing but the order of sums, where attention
        // without scores runs in C and attention with scores does not.
        assertEquals(full.get("bits").getAsDouble(), row.get("bits").getAsDouble(), 1e-5);
        assertEquals(full.get("kvBytes"), row.get("kvBytes"));
      }
      assertTrue(run.out().contains(row.get("policy").getAsString()), run::out);
    }
  }

  @Test
  void refusesWhatMakesNoSense() {
    for (String[] wrong :
        new String[][] {{"--windows", "0"}, {"--budgets", "3"}, {"--kv", "I16"}}) {
      CommandRun run = CommandRun.of("evict", wrong[0], wrong[1]);
      assertEquals(2, run.exit());
      assertTrue(run.err().contains(wrong[0] + " is "), run::err);
    }
  }

  @Test
  void oneWindowHasNoStandardError() throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    Path json = folder.resolve("evict.json");
    Path text = folder.resolve("text");
    Files.writeString(text, "In the beginning God created the heaven and the earth.");
    CommandRun run = evict(text, "--windows", "1", "--budgets", "8", "--json", json.toString());
    assertEquals(0, run.exit(), run::err);
    JsonArray rows = JsonParser.parseString(Files.readString(json)).getAsJsonArray();
    assertTrue(rows.get(1).getAsJsonObject().get("error").isJsonNull());
  }

  @Test
  void refusesATextWithoutEnoughTokens() throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    for (String content : new String[] {"", "God"}) {
      Path text = folder.resolve("text");
      Files.writeString(text, content);
      CommandRun run = evict(text);
      assertEquals(2, run.exit());
      assertTrue(run.err().contains("--text is too short; allowed: at least 4 tokens"), run::err);
    }
  }

  private CommandRun evict(Path text, String... more) {
    return CommandRun.of(
        Stream.concat(
                Stream.of("evict", "--model", folder.toString(), "--text", text.toString()),
                Stream.of(more))
            .toArray(String[]::new));
  }
}
