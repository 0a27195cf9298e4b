package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cli.model.TinyLlama;
import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReuseCommandTest {
  @TempDir Path folder;

  private CommandRun reuse(String... more) throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    Path text = folder.resolve("text");
    Files.writeString(text, "In the beginning God created the heaven and the earth. ".repeat(9));
    return CommandRun.of(
        Stream.concat(
                Stream.of("reuse", "--model", folder.toString(), "--text", text.toString()),
                Stream.of(more))
            .toArray(String[]::new));
  }

  /** A chunk of which every token is read anew is as good as one that was never kept. */
  @Test
  void allOfAChunkReadAnewIsTheWhole() throws IOException {
    CommandRun run = reuse("--windows", "2", "--size", "21", "--parts", "0,0.5,1");
    assertEquals(0, run.exit(), run::err);
    double whole = bits(run, "whole window");
    assertEquals(whole, bits(run, "100 %"), 1e-4);
    assertTrue(bits(run, "0 %") > 0 && bits(run, "50 %") > 0, run::out);
    assertTrue(Math.abs(bits(run, "0 %") - whole) > 1e-4, run::out);
  }

  private static double bits(CommandRun run, String row) {
    Pattern line = Pattern.compile("(?m)^\\W*" + row + "[^0-9]+([0-9.]+)");
    Matcher matcher = line.matcher(run.out());
    assertTrue(matcher.find(), run::out);
    return Double.parseDouble(matcher.group(1));
  }

  @Test
  void refusesWhatMakesNoSense() throws IOException {
    for (String[] wrong :
        new String[][] {
          {"--windows", "1"}, {"--size", "1"}, {"--parts", "0,1.5"}, {"--windows", "64"}
        }) {
      CommandRun run = reuse(wrong[0], wrong[1]);
      assertEquals(2, run.exit());
      assertTrue(run.err().contains(wrong[0] + " is "), run::err);
    }
  }

  @Test
  void differencesArePaired() {
    PairedDifference difference =
        PairedDifference.of(List.of(3.0, 5.0, 4.0), List.of(1.0, 4.0, 1.0));
    // Differences 2, 1, 3: their variance is 1.
    assertEquals(2, difference.mean(), 1e-12);
    assertEquals(Math.sqrt(1 / 3.0), difference.error(), 1e-12);
    assertEquals(
        String.format(Locale.ROOT, "+2.0000 ± %.4f", Math.sqrt(1 / 3.0)), difference.toString());
    assertEquals("-1.0000", PairedDifference.of(List.of(1.0), List.of(2.0)).toString());
  }
}
